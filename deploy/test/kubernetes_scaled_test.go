package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// kafkaTopic, kafkaUser and scaledObject are what the tests read of resources that the schemas have judged.
type kafkaTopic struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		TopicName  string            `json:"topicName"`
		Partitions int               `json:"partitions"`
		Replicas   int               `json:"replicas"`
		Config     map[string]string `json:"config"`
	} `json:"spec"`
}

type kafkaUser struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Authentication struct {
			Type string `json:"type"`
		} `json:"authentication"`
		Authorization struct {
			Type string `json:"type"`
			ACLs []struct {
				Resource   struct{ Type, Name, PatternType string } `json:"resource"`
				Operations []string                                 `json:"operations"`
			} `json:"acls"`
		} `json:"authorization"`
	} `json:"spec"`
}

type scaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef  struct{ APIVersion, Kind, Name string } `json:"scaleTargetRef"`
		PollingInterval int                                     `json:"pollingInterval"`
		MinReplicaCount int                                     `json:"minReplicaCount"`
		MaxReplicaCount int                                     `json:"maxReplicaCount"`
		Fallback        map[string]int                          `json:"fallback"`
		Advanced        map[string]any                          `json:"advanced"`
		Triggers        []struct {
			Type              string                 `json:"type"`
			Metadata          map[string]string      `json:"metadata"`
			AuthenticationRef *struct{ Name string } `json:"authenticationRef"`
		} `json:"triggers"`
	} `json:"spec"`
}

// environment is what the pod's container has in its environment, with a file of this machine for each that the pod
// has mounted from a Secret.
func environment(t *testing.T, set *appsv1.StatefulSet) (variables []string) {
	t.Helper()
	mounts := mountsOf(set)
	for _, variable := range set.Spec.Template.Spec.Containers[0].Env {
		value := variable.Value
		if variable.ValueFrom != nil && variable.ValueFrom.FieldRef.FieldPath == "metadata.name" {
			value = set.Name + "-0"
		}
		for _, volume := range set.Spec.Template.Spec.Volumes {
			if mount := mounts[volume.Name]; volume.Secret != nil && path.Dir(value) == mount {
				if !slices.ContainsFunc(volume.Secret.Items, func(k corev1.KeyToPath) bool { return k.Path == path.Base(value) }) {
					t.Errorf("%s is no file of the secret %s", value, volume.Secret.SecretName)
				}
				value = secretFile(t)
			}
		}
		variables = append(variables, variable.Name+"="+value)
	}
	return variables
}

// secretFile is a file that will do for a certificate and for a password.
func secretFile(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestScaledNeedsNoDisk(t *testing.T) {
	for _, overlay := range []string{"scaled", "operated"} {
		set := get[appsv1.StatefulSet](t, overlay, "StatefulSet")
		if len(set.Spec.VolumeClaimTemplates) > 0 {
			t.Errorf("%s claims volumes: a partition that moves to another instance would find nothing there", overlay)
		}
		config := get[corev1.ConfigMap](t, overlay, "ConfigMap").Data["processor.yaml"]
		for _, want := range []string{"\n  store: kafka\n", "\ninstance: {name: \"${POD_NAME}\"}\n", "\n  delivery: exactly_once\n"} {
			if !strings.Contains(config, want) {
				t.Errorf("%s: the configuration is without %q", overlay, strings.TrimSpace(want))
			}
		}
		// The other instances lead readers to the name that the headless service gives the pod.
		service := get[corev1.Service](t, overlay, "Service")
		if want := "http://${POD_NAME}." + service.Name + "." + service.Namespace + ".svc:" + strconv.Itoa(int(service.Spec.Ports[0].Port)); !strings.Contains(config, "\n  advertise: \""+want+"\"\n") {
			t.Errorf("%s: http.advertise is not %s", overlay, want)
		}
	}
	if replicas := *get[appsv1.StatefulSet](t, "scaled", "StatefulSet").Spec.Replicas; replicas < 2 {
		t.Errorf("%d replicas are not scaled", replicas)
	}
}

// source is what the configuration reads.
func source(t *testing.T, overlay string) (topic, group, prefix string) {
	t.Helper()
	var config struct {
		Group   string
		Output  struct{ Prefix string }
		Sources []struct{ Topic string }
	}
	if err := yaml.Unmarshal([]byte(get[corev1.ConfigMap](t, overlay, "ConfigMap").Data["processor.yaml"]), &config); err != nil {
		t.Fatal(err)
	}
	return config.Sources[0].Topic, config.Group, config.Output.Prefix
}

// The scaler watches the group and the topic of the configuration at the brokers of the pods, and does not fight with
// the manifest over the number of instances.
func TestScalerWatchesTheLag(t *testing.T) {
	object := get[scaledObject](t, "operated", "ScaledObject")
	set := get[appsv1.StatefulSet](t, "operated", "StatefulSet")
	if ref := object.Spec.ScaleTargetRef; ref.Kind != "StatefulSet" || ref.Name != set.Name || ref.APIVersion != "apps/v1" {
		t.Errorf("it scales %+v", ref)
	}
	if set.Spec.Replicas != nil {
		t.Errorf("the manifest sets %d replicas, which each apply would bring back", *set.Spec.Replicas)
	}
	topic, group, _ := source(t, "operated")
	metadata := object.Spec.Triggers[0].Metadata
	if metadata["topic"] != topic || metadata["consumerGroup"] != group {
		t.Errorf("it watches %s of %s, the processor reads %s as %s", metadata["topic"], metadata["consumerGroup"], topic, group)
	}
	if servers, _ := valueOf(set, "EXPANSION_KAFKA_BROKERS"); servers != metadata["bootstrapServers"] {
		t.Errorf("it asks %s, the processor %s", metadata["bootstrapServers"], servers)
	}
	for name := range metadata { // a misspelt one is not read, and nothing says so
		if !slices.Contains([]string{"bootstrapServers", "consumerGroup", "topic", "lagThreshold", "offsetResetPolicy", "allowIdleConsumers", "sasl", "tls"}, name) {
			t.Errorf("KEDA's scaler of Kafka 2.20 does not know %s", name)
		}
	}
	if threshold, err := strconv.Atoi(metadata["lagThreshold"]); err != nil || threshold < 1000 {
		t.Errorf("lagThreshold %q: records come in batches larger than that", metadata["lagThreshold"])
	}
	login := get[struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Env             []struct{ Parameter, Name, ContainerName string } `json:"env"`
			SecretTargetRef []struct{ Parameter, Name, Key string }           `json:"secretTargetRef"`
		} `json:"spec"`
	}](t, "operated", "TriggerAuthentication")
	if ref := object.Spec.Triggers[0].AuthenticationRef; ref == nil || ref.Name != login.Name {
		t.Errorf("the scaler logs in by %+v, there is %s", ref, login.Name)
	}
	for _, variable := range login.Spec.Env {
		if _, found := valueOf(set, variable.Name); !found || variable.ContainerName != set.Spec.Template.Spec.Containers[0].Name {
			t.Errorf("%s of the login comes from %s, which the pods do not have", variable.Parameter, variable.Name)
		}
	}
	for _, topic := range all[kafkaTopic](t, "operated", "KafkaTopic") {
		if topic.Name == metadata["topic"] && topic.Spec.Partitions != object.Spec.MaxReplicaCount {
			t.Errorf("%d instances at most, for %d partitions", object.Spec.MaxReplicaCount, topic.Spec.Partitions)
		}
	}
}

func valueOf(set *appsv1.StatefulSet, name string) (string, bool) {
	for _, variable := range set.Spec.Template.Spec.Containers[0].Env {
		if variable.Name == name {
			return variable.Value, true
		}
	}
	return "", false
}

// The pods log in as the user that Strimzi makes, with the Secret that it writes, at the port that they may reach.
func TestPodsLogInAsTheKafkaUser(t *testing.T) {
	user, set := get[kafkaUser](t, "operated", "KafkaUser"), get[appsv1.StatefulSet](t, "operated", "StatefulSet")
	for name, want := range map[string]string{
		"EXPANSION_KAFKA_SASL_USERNAME": user.Name, "EXPANSION_KAFKA_SASL_MECHANISM": user.Spec.Authentication.Type,
		"EXPANSION_KAFKA_TLS_ENABLED": "true", "EXPANSION_OUTPUT_CREATE_TOPICS": "false",
	} {
		if value, _ := valueOf(set, name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	cluster, secrets := user.Labels["strimzi.io/cluster"], map[string]bool{}
	for _, volume := range set.Spec.Template.Spec.Volumes {
		if volume.Secret != nil {
			secrets[volume.Secret.SecretName] = true
		}
	}
	if !secrets[user.Name] || !secrets[cluster+"-cluster-ca-cert"] || len(secrets) != 2 {
		t.Errorf("the pods mount the secrets %v", secrets)
	}
	topic, group, prefix := source(t, "operated")
	want := map[string]string{
		"topic literal " + topic:                "Read DescribeConfigs",
		"topic prefix " + prefix:                "Read Write DescribeConfigs",
		"group literal " + group:                "Read",
		"transactionalId prefix " + group + "-": "Write",
	}
	for _, acl := range user.Spec.Authorization.ACLs {
		key := acl.Resource.Type + " " + acl.Resource.PatternType + " " + acl.Resource.Name
		if want[key] != strings.Join(acl.Operations, " ") {
			t.Errorf("the user may %v on %s, want %q", acl.Operations, key, want[key])
		}
		delete(want, key)
	}
	for missing := range want {
		t.Errorf("the user may do nothing on %s", missing)
	}
	for _, topic := range all[kafkaTopic](t, "operated", "KafkaTopic") {
		if topic.Labels["strimzi.io/cluster"] != cluster {
			t.Errorf("%s is of the cluster %q", topic.Name, topic.Labels["strimzi.io/cluster"])
		}
	}
	servers, _ := valueOf(set, "EXPANSION_KAFKA_BROKERS")
	for _, rule := range get[networkingv1.NetworkPolicy](t, "operated", "NetworkPolicy").Spec.Egress {
		if port := rule.Ports[0].Port.String(); port != "53" && !strings.HasSuffix(servers, ":"+port) {
			t.Errorf("the policy lets the pods reach the port %s, the brokers are %s", port, servers)
		}
	}
}
