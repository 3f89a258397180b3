package deploy

import (
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// kustomization is what our kustomization files use; the strict decoder refuses anything else.
type kustomization struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string   `json:"namespace"`
	Resources       []string `json:"resources"`
	Labels          []struct {
		Pairs map[string]string `json:"pairs"`
	} `json:"labels,omitempty"`
	ConfigMapGenerator []struct {
		Name  string   `json:"name"`
		Files []string `json:"files"`
	} `json:"configMapGenerator,omitempty"`
}

// podMonitor and prometheusRule are the fields that we use of the Prometheus operator's resources, under the
// names of its API; the strict decoder refuses a misspelt one.
type podMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		JobLabel            string               `json:"jobLabel"`
		Selector            metav1.LabelSelector `json:"selector"`
		PodMetricsEndpoints []struct {
			Port          string `json:"port"`
			Path          string `json:"path"`
			Interval      string `json:"interval"`
			ScrapeTimeout string `json:"scrapeTimeout"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type prometheusRule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ruleFile `json:"spec"`
}

// kinds are the resources that the manifests may hold, by apiVersion and kind.
var kinds = map[string]func() any{
	"v1 Namespace":                                  func() any { return new(corev1.Namespace) },
	"v1 ServiceAccount":                             func() any { return new(corev1.ServiceAccount) },
	"v1 Service":                                    func() any { return new(corev1.Service) },
	"apps/v1 StatefulSet":                           func() any { return new(appsv1.StatefulSet) },
	"policy/v1 PodDisruptionBudget":                 func() any { return new(policyv1.PodDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy":            func() any { return new(networkingv1.NetworkPolicy) },
	"monitoring.coreos.com/v1 PodMonitor":           func() any { return new(podMonitor) },
	"monitoring.coreos.com/v1 PrometheusRule":       func() any { return new(prometheusRule) },
	"kustomize.config.k8s.io/v1beta1 Kustomization": func() any { return new(kustomization) },
}

// decode reads one manifest into its own type; an unknown field, a wrong type or a second document fails.
func decode(t *testing.T, file string) any {
	t.Helper()
	content := read(t, file)
	if strings.Contains(string(content), "\n---") {
		t.Fatalf("%s holds several documents: one resource a file", file)
	}
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(content, &kind); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	create, found := kinds[kind.APIVersion+" "+kind.Kind]
	if !found {
		t.Fatalf("%s: unknown resource %q of %q", file, kind.Kind, kind.APIVersion)
	}
	resource := create()
	if err := yaml.UnmarshalStrict(content, resource); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return resource
}

// base returns the resource of deploy/k8s/base with the type asked for.
func base[T any](t *testing.T, file string) *T {
	t.Helper()
	resource, ok := decode(t, "deploy/k8s/base/"+file).(*T)
	if !ok {
		t.Fatalf("%s holds another kind", file)
	}
	return resource
}

func TestManifestsDecodeStrictly(t *testing.T) {
	for _, file := range glob(t, "deploy/k8s/*/*.yaml") {
		if path.Base(file) != "processor.yaml" {
			decode(t, file)
		}
	}
}

// Every file is named by its kustomization and every name has its file: one that is not named is never applied.
func TestKustomizationsNameEveryFile(t *testing.T) {
	for _, file := range glob(t, "deploy/k8s/*/kustomization.yaml") {
		k, folder := decode(t, file).(*kustomization), path.Dir(file)
		named := []string{"kustomization.yaml"}
		named = append(named, k.Resources...)
		for _, generator := range k.ConfigMapGenerator {
			named = append(named, generator.Files...)
		}
		for _, name := range named {
			if !exists(path.Join(folder, name)) {
				t.Errorf("%s names %s, which is not there", file, name)
			}
		}
		for _, beside := range glob(t, folder+"/*") {
			if !slices.Contains(named, path.Base(beside)) {
				t.Errorf("%s does not name %s", file, path.Base(beside))
			}
		}
		if k.Namespace != base[corev1.Namespace](t, "namespace.yaml").Name {
			t.Errorf("%s puts the resources into %q, not into the namespace that base creates", file, k.Namespace)
		}
	}
}

// A selector that matches nothing is no error to Kubernetes: the service is empty, the policy guards nobody.
func TestSelectorsMatchThePods(t *testing.T) {
	set := base[appsv1.StatefulSet](t, "statefulset.yaml")
	labels := set.Spec.Template.Labels
	monitor, ok := decode(t, "deploy/k8s/monitored/podmonitor.yaml").(*podMonitor)
	if !ok {
		t.Fatal("podmonitor.yaml holds another kind")
	}
	selectors := map[string]map[string]string{
		"statefulset":         set.Spec.Selector.MatchLabels,
		"service":             base[corev1.Service](t, "service.yaml").Spec.Selector,
		"poddisruptionbudget": base[policyv1.PodDisruptionBudget](t, "poddisruptionbudget.yaml").Spec.Selector.MatchLabels,
		"networkpolicy":       base[networkingv1.NetworkPolicy](t, "networkpolicy.yaml").Spec.PodSelector.MatchLabels,
		"podmonitor":          monitor.Spec.Selector.MatchLabels,
	}
	for name, selector := range selectors {
		if len(selector) == 0 {
			t.Errorf("the %s selects every pod of the namespace", name)
		}
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("the %s wants %s=%s, the pods have %q", name, key, value, labels[key])
			}
		}
	}
	// The alert rules say job="processor".
	if job := labels[monitor.Spec.JobLabel]; job != "processor" {
		t.Errorf("the pod monitor makes the job %q, the alert rules want processor", job)
	}
	if port := monitor.Spec.PodMetricsEndpoints[0].Port; port != set.Spec.Template.Spec.Containers[0].Ports[0].Name {
		t.Errorf("the pod monitor scrapes the port %q, which the pod does not have", port)
	}
}

func TestStatefulSetKeepsItsCheckpoints(t *testing.T) {
	set := base[appsv1.StatefulSet](t, "statefulset.yaml")
	if *set.Spec.Replicas != 1 {
		t.Errorf("%d replicas: the dir store has one writer", *set.Spec.Replicas)
	}
	if set.Spec.ServiceName != base[corev1.Service](t, "service.yaml").Name {
		t.Errorf("serviceName %q is not the headless service", set.Spec.ServiceName)
	}
	if base[corev1.Service](t, "service.yaml").Spec.ClusterIP != corev1.ClusterIPNone {
		t.Error("the service is not headless")
	}
	kept := set.Spec.PersistentVolumeClaimRetentionPolicy
	if kept.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType || kept.WhenScaled != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Errorf("the volume goes away with the set: %+v", kept)
	}
	mounts, config := mountsOf(set), string(read(t, "deploy/k8s/base/processor.yaml"))
	claim := set.Spec.VolumeClaimTemplates[0].Name
	if mounts[claim] == "" || !strings.Contains(config, "\n  dir: "+mounts[claim]+"\n") {
		t.Errorf("the volume is mounted at %q, checkpoint.dir of processor.yaml is elsewhere", mounts[claim])
	}
	if budget := base[policyv1.PodDisruptionBudget](t, "poddisruptionbudget.yaml"); budget.Spec.MinAvailable != nil || budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Error("the disruption budget blocks every drain of the node")
	}
}

func TestStatefulSetRunsTheConfiguration(t *testing.T) {
	set := base[appsv1.StatefulSet](t, "statefulset.yaml")
	k, ok := decode(t, "deploy/k8s/base/kustomization.yaml").(*kustomization)
	if !ok {
		t.Fatal("kustomization.yaml holds another kind")
	}
	var volume string
	for _, v := range set.Spec.Template.Spec.Volumes {
		if v.ConfigMap != nil && v.ConfigMap.Name == k.ConfigMapGenerator[0].Name {
			volume = v.Name
		}
	}
	want := []string{"run", "--config", mountsOf(set)[volume] + "/" + k.ConfigMapGenerator[0].Files[0]}
	if args := set.Spec.Template.Spec.Containers[0].Args; !slices.Equal(args, want) {
		t.Errorf("the pod runs %v, want %v", args, want)
	}
	validate(t, "deploy/k8s/base/processor.yaml")
}

func mountsOf(set *appsv1.StatefulSet) map[string]string {
	mounts := map[string]string{}
	for _, mount := range set.Spec.Template.Spec.Containers[0].VolumeMounts {
		mounts[mount.Name] = mount.MountPath
	}
	return mounts
}
